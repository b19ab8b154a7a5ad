"""Small tokenizers in the files of the real ones."""

import json
from pathlib import Path

SENTENCES = (
    "This is a sound of a dog barking in the rain while thunder rolls over the hills",
    "a recording of a piano in a crowded room, and somebody sings",
    "Ein Hund bellt im Regen; le chien aboie sous la pluie; 犬が雨の中で吠える",
)
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def write_roberta_tokenizer(folder: Path) -> int:
    """Write tokenizer.json, vocab.json, merges.txt and their configuration; its word count."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        SENTENCES, vocab_size=420, min_frequency=1, special_tokens=SPECIAL, show_progress=False
    )
    trained.save_model(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text())
    merges = [
        tuple(line.split(" "))
        for line in (folder / "merges.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    tokenizer = RobertaTokenizerFast(vocab=vocabulary, merges=merges, model_max_length=512)
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def write_wordpieces(folder: Path) -> int:
    """Write the tokenizer.json of an uncased BERT and its configuration; its word count."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizerFast

    trained = BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator(SENTENCES, vocab_size=300, min_frequency=1, show_progress=False)
    tokenizer = BertTokenizerFast(vocab=trained.get_vocab(), model_max_length=512)
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def write_unigrams(folder: Path) -> int:
    """Write a tokenizer.json made like XLM-RoBERTa's and its configuration; its word count."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=SPECIAL,
        unk_token=SPECIAL[3],
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES * 9, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=512, **names
    ).save_pretrained(folder)
    return int(tokenizer.get_vocab_size())
