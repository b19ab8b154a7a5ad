"""Profiles route every question over the fewest bridges."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, cast

import pytest

from engine import profile as profiles
from engine.encode.hashed import (
    AUDIO,
    IMAGE,
    TEXT,
    Hashed,
    Rotation,
    hashed_audio,
    hashed_audio_text,
    hashed_image,
    hashed_image_text,
    hashed_text,
)
from engine.errors import NoRouteError, UsageError
from engine.models import registry
from engine.ports import Alignment, Encoder, TextRule
from engine.profile import Profile
from engine.types import Modality, Space


@dataclass(frozen=True)
class Named:
    """An encoder or a bridge of which only the edges matter."""

    modality: Modality | None = None
    space: Space | None = None
    source: Space | None = None
    target: Space | None = None
    fingerprint: str = "x"
    loss: float = 1.0


def encoder(modality: Modality, space: Space) -> Encoder:
    return cast("Encoder", Named(modality=modality, space=space))


def bridge(source: Space, target: Space) -> Alignment:
    return cast("Alignment", Named(source=source, target=target))


HASHED: tuple[tuple[Hashed, ...], tuple[Rotation, ...]] = (
    (hashed_text(), hashed_image(), hashed_audio()),
    (hashed_image_text(), hashed_audio_text()),
)


@pytest.fixture
def hashed() -> Profile:
    return Profile("hashed", "", *cast("Any", HASHED))


@pytest.mark.parametrize(
    ("asked", "wanted", "loss", "space"),
    [
        ("text", "text", 0, TEXT),
        ("text", "image", 1, TEXT),
        ("text", "audio", 1, TEXT),
        ("image", "image", 0, IMAGE),
        ("image", "text", 1, TEXT),
        ("image", "audio", 2, TEXT),
        ("audio", "image", 2, TEXT),
        ("audio", "audio", 0, AUDIO),
    ],
)
def test_a_route_has_the_least_loss(
    hashed: Profile, asked: str, wanted: str, loss: float, space: Space
) -> None:
    (route,) = hashed.routes(Modality(asked), Modality(wanted))

    assert (route.loss, route.gallery.space) == (loss, space)
    assert route.encoder.modality.value == asked
    assert route.gallery.modality.value == wanted
    assert (route.bridge.target if route.bridge else route.encoder.space) == space


def test_a_direct_way_beats_a_bridge_listed_before_it() -> None:
    shared, other = Space("shared", 2, "s"), Space("other", 2, "o")
    profile = Profile(
        "x",
        "",
        (
            encoder(Modality.TEXT, other),
            encoder(Modality.TEXT, shared),
            encoder(Modality.IMAGE, shared),
        ),
        (bridge(other, shared),),
    )

    (route,) = profile.routes(Modality.TEXT, Modality.IMAGE)

    assert (route.loss, route.encoder.space) == (0, shared)


def test_no_way_is_an_error_that_names_both_ends() -> None:
    profile = Profile("x", "", cast("Any", HASHED[0][:2]), cast("Any", ()))

    with pytest.raises(NoRouteError, match="knows no way from text to audio"):
        profile.routes(Modality.TEXT, Modality.AUDIO)


def test_a_bridge_is_not_walked_backwards() -> None:
    profile = Profile("x", "", cast("Any", HASHED[0][:2]), cast("Any", ()))

    with pytest.raises(NoRouteError):
        profile.routes(Modality.TEXT, Modality.IMAGE)


def test_there_is_a_gallery_for_each_encoder_and_each_bridge_out_of_it(hashed: Profile) -> None:
    assert [key.name for key in hashed.galleries] == [
        "hashed-image-image",
        "hashed-text-image",
        "hashed-audio-audio",
        "hashed-text-audio",
        "hashed-image-video",
        "hashed-text-video-hashed-image",
        "hashed-audio-video",
        "hashed-text-video-hashed-audio",
        "hashed-text-text",
    ]


def test_files_of_a_modality_are_indexed_by_who_takes_them(hashed: Profile) -> None:
    (track,) = hashed.tracks(Modality.AUDIO)

    assert [one.space for one in track.encoders] == [AUDIO]
    assert track.rule == hashed_audio().rule


def test_a_video_is_its_pictures_and_its_sound(hashed: Profile) -> None:
    seen, heard = hashed.tracks(Modality.VIDEO)

    assert (seen.encoders[0].space, heard.encoders[0].space) == (IMAGE, AUDIO)
    assert [way.gallery.space for way in hashed.routes(Modality.VIDEO, Modality.VIDEO)] == [
        IMAGE,
        AUDIO,
    ]


def test_texts_are_cut_once_so_that_every_encoder_reads_the_whole() -> None:
    short = replace(hashed_text(), space=Space("short", 64, "s"), rule=TextRule(100))
    profile = Profile("x", "", (hashed_text(), short), ())

    (track,) = profile.tracks(Modality.TEXT)

    assert track.rule == TextRule(100)
    assert len(track.encoders) == 2


def test_the_registry_names_hashed_and_the_default() -> None:
    assert {"hashed", profiles.DEFAULT} <= set(registry().profiles)


def test_the_hashed_profile_of_the_registry_can_answer_everything() -> None:
    loaded = Profile.load("hashed")
    three = [Modality.TEXT, Modality.IMAGE, Modality.AUDIO]

    found = {way.loss for a, w in product(three, three) for way in loaded.routes(a, w)}
    assert found == {0, 1, 2}


def test_an_unknown_profile_is_a_usage_error_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match="no profile 'nonsense'") as caught:
        Profile.load("nonsense")
    assert "starter" in caught.value.hint
