"""Networks by name: what may be asked for, and what is said where it may not."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import UsageError
from trainer.networks import NAMES, Choice, Tuning, build, read_choice, read_tuning, recommended
from trainer.networks.registry import ENTRIES
from trainer.plan import Plan, settings_of


def test_looking_at_the_list_needs_no_keras():
    code = "import sys, trainer.networks; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("house-x", "house-x: there is none of this name; did you mean house-"),
        ("", "there is none of this name"),
        ("house-m,alpha=1", "takes no option 'alpha'; its options are none"),
        ("mobilenetv2,width=1", "takes no option 'width'; its options are stride, alpha"),
        ("mobilenetv2,alpha=0.36", "alpha is 0.36, but may be 0.35, 0.5, 0.75, 1.0, 1.3, 1.4"),
        ("mobilenetv2,alpha=nan", "alpha is nan"),
        ("mobilenetv2,stride=8.0", "stride is 8.0, but may be 8, 16"),
        ("mobilenetv2,stride", "'stride' is no new option; write NAME,OPTION=VALUE"),
        ("mobilenetv2,stride=8,stride=16", "'stride=16' is no new option"),
    ],
)
def test_a_wrong_choice_says_what_there_is(text, complaint):
    with pytest.raises(UsageError, match=r"^--network ") as raised:
        read_choice(text)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.sampled_from(NAMES), st.data())
def test_a_choice_is_read_as_it_is_written(name, data):
    options = {key: data.draw(st.sampled_from(values)) for key, values in ENTRIES[name].options.items()}
    text = ", ".join([name, *(f"{key}={value}" for key, value in options.items())])
    assert read_choice(text) == Choice(name, options)


@pytest.mark.parametrize("text", ["", "froze", "frozen:layer", "fine-tune:", "frozen-cached:", "fine tune"])
def test_a_wrong_way_of_tuning(text):
    with pytest.raises(UsageError, match=f"^--tuning {text}: is none of frozen-cached, frozen, fine-tune"):
        read_tuning(text)


def test_ways_of_tuning():
    assert read_tuning("frozen-cached") == Tuning("frozen-cached")
    assert read_tuning("fine-tune") == Tuning()
    assert read_tuning("fine-tune:block_3:x") == Tuning("fine-tune", "block_3:x")


def test_each_has_settings_that_a_plan_can_take():
    for name in NAMES:
        assert 32 <= recommended(name).size <= 1024
        Plan(**settings_of(recommended(name).changes()))
    default = read_choice("efficientnet-lite0", "start")
    assert default.plan_changes() == {"learning_rate": 1.5e-4}, "else a plan's own are its settings"
    assert default.tuning == Tuning("fine-tune", "block4a_expand_conv")
    regression = Plan(**settings_of(recommended("plain-regression").changes()))
    assert (regression.loss, regression.optimiser, regression.pooling.kind) == ("mae", "rmsprop", "average")
    assert recommended("plain-regression").size == 325


def test_what_has_learned_before_learns_slowly():
    tuned, frozen = (
        read_choice("vgg16", "imagenet", way).plan_changes() for way in ("fine-tune:block3_conv1", "frozen")
    )
    assert tuned["learning_rate"] < Plan().learning_rate / 2
    assert "learning_rate" not in frozen
    assert read_choice("vgg16").plan_changes() == {}
    assert read_choice("efficientnet-lite0").tuning == Tuning(), "drawn at random, all of it must learn"


@pytest.mark.parametrize(("shape", "classes"), [((32, 32, 2), 1), ((32, 32), 1), ((0, 32, 1), 1), ((32, 32, 1), 0)])
def test_a_shape_no_image_has(shape, classes):
    with pytest.raises(UsageError, match="house-s: takes"):
        build("house-s", shape, classes)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--network", "hous-m"], "--network hous-m: there is none of this name; did you mean house-m?"),
        (["--network", "vgg16,alpha=1"], "takes no option 'alpha'"),
        (["--tuning", "thawed"], "--tuning thawed: is none of"),
        (["--tuning", "frozen", "--weights", "none"], "--tuning frozen: efficientnet-lite0 starts with random weights"),
        (["--weights", "nowhere.h5"], "--weights nowhere.h5: is neither none, start, imagenet, nor a file"),
    ],
)
def test_train_with_a_wrong_choice(photos, okng, tmp_path, arguments, complaint):
    done = okng("train", photos, "--out", tmp_path / "run", "--size", 32, "--steps", 1, *arguments)
    assert done.status == 2
    assert complaint in done.err.strip().splitlines()[-1]
    assert not (tmp_path / "run").exists()
