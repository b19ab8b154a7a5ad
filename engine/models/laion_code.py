"""The model code of the package laion-clap 1.1.7, imported without the rest of the package.

To import the package is to fetch three tokenizers and to put its insides on sys.path. So its
`__init__` never runs, only the files that define the network do, and sys.path and sys.modules are
as they were afterwards. Two packages that those files import and no network needs (h5py, librosa)
may be missing, so that beside numpy 2, which laion-clap refuses in its metadata and not in this
code, `pip install --no-deps laion-clap torchlibrosa` does.
"""

import importlib
import sys
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torchaudio.functional import melscale_fbanks

from engine.errors import MissingPackageError, ModelError

PACKAGE = "laion_clap"
INSTALL = "pip install 'seehear[laion]'"


@dataclass(frozen=True, slots=True)
class Code:
    """The modules that define the network.

    Attributes:
        model: laion_clap.clap_module.model.
        htsat: laion_clap.clap_module.htsat.
    """

    model: Any
    htsat: Any


def model_code() -> Code:
    """Import the model code, and leave no trace of it but the modules that are returned.

    Raises:
        ModelError: if the package is not installed.
    """
    import transformers

    folder = _folder()
    for name in ("BartModel", "BertModel", "RobertaModel"):
        getattr(transformers, name)  # they would ask what librosa can do, so before it stands in
    path, before = list(sys.path), {name: sys.modules[name] for name in sys.modules if _ours(name)}
    absent = _absent()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries, on how old the code is
            sys.modules |= _packages(folder) | absent
            return Code(
                importlib.import_module(f"{PACKAGE}.clap_module.model"),
                importlib.import_module(f"{PACKAGE}.clap_module.htsat"),
            )
    finally:
        sys.path[:] = path
        for name in [one for one in sys.modules if _ours(one) or one in absent]:
            del sys.modules[name]
        sys.modules |= before


def _folder() -> Path:
    # To look a package up is not to import it.
    found = [find_spec(name) for name in (PACKAGE, "torchlibrosa")]
    places = found[0].submodule_search_locations if found[0] and found[1] else None
    if not places:
        needed = MissingPackageError("laion-clap", "build LAION's own checkpoints", INSTALL)
        raise ModelError(str(needed).rstrip("."))
    return Path(places[0])


def _packages(folder: Path) -> dict[str, ModuleType]:
    bare = {}
    for name, place in ((PACKAGE, folder), (f"{PACKAGE}.clap_module", folder / "clap_module")):
        bare[name] = ModuleType(name)
        bare[name].__path__ = [str(place)]
    return bare


def _absent() -> dict[str, ModuleType]:
    made = {}
    if _missing("h5py"):
        made["h5py"] = ModuleType("h5py")  # reads training data
    if _missing("librosa"):
        made["librosa"] = _librosa()
    return made


def _missing(name: str) -> bool:
    return name not in sys.modules and find_spec(name) is None


def _librosa() -> ModuleType:
    # What it computes here, the checkpoint's own tensors replace.
    stand_in: Any = ModuleType("librosa")
    stand_in.filters, stand_in.util = ModuleType("librosa.filters"), ModuleType("librosa.util")
    stand_in.filters.get_window = lambda _hann, length, **_: np.hanning(length + 1)[:-1]
    stand_in.util.pad_center = lambda window, **_: window
    stand_in.filters.mel = lambda *, sr, n_fft, n_mels, fmin, fmax: slaney(
        sr, n_fft, n_mels, fmin, fmax
    ).T.numpy()
    return stand_in  # type: ignore[no-any-return]


def slaney(rate: int, fft: int, bands: int, low: float, high: float) -> torch.Tensor:
    """Weight of each frequency in each band, (fft / 2 + 1, bands), as librosa has it."""
    norm = scale = "slaney"
    bank: torch.Tensor = melscale_fbanks(fft // 2 + 1, low, high, bands, rate, norm, scale)
    return bank


def _ours(name: str) -> bool:
    return name.partition(".")[0] in {PACKAGE, "torchlibrosa"}
