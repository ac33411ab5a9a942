"""From a frame to a judgement: preprocess, one invoke, pool, compare."""

from __future__ import annotations

from time import perf_counter

from edge.contract.bundle import COMPILED, MODEL, Bundle
from edge.contract.cam import dequantise, name_kind, ng_map, score
from edge.contract.preprocess import CENTRE, PreprocessSpec, preprocess
from edge.contract.recipe import Look
from edge.contract.runtime import ON_CPU, Runtime
from edge.contract.types import Frame, Judgement, Pixels, Verdict
from edge.errors import BundleError
from edge.inference.engine import Engine


class Judge:
    """A bundle ready to judge frames. Belongs to one thread."""

    def __init__(self, bundle: Bundle, runtime: Runtime = ON_CPU) -> None:
        """Raises BundleError when the model is not what the card says, DelegateError when a delegate cannot."""
        self.bundle = bundle
        self._card, self._kinds = bundle.card, bundle.card.kinds
        self._plain = Look(None, bundle.card.preprocess, bundle.card.thresholds, None)
        delegate = runtime.delegate
        compiled = bundle.compiled if delegate and delegate.compiled else None
        try:
            self._engine = Engine(compiled or bundle.model, runtime.threads, delegate)
        except BundleError as error:
            raise BundleError(f"{bundle.path / (COMPILED if compiled else MODEL)}: {error}") from None
        _check_agreement(bundle, self._engine)

    def judge(self, frame: Frame, look: Look | None = None) -> Judgement:
        """The verdict, the score, the kind and the map of one frame, with the milliseconds each step took.

        `look` is a recipe's, for this card; None: as the card says. The map has all places, also those not counted.
        """
        look = look or self._plain
        began = perf_counter()
        image = preprocess(frame.pixels, look.spec)
        if is_blank(image, frame.pixels, look.spec):
            return Judgement.fault("the frame is blank: every pixel is the same")
        prepared = perf_counter()
        units = self._engine.invoke(image)
        invoked = perf_counter()
        output = self._card.output
        logits = dequantise(units, output.scale, output.zero_point)
        if look.counted is not None:
            logits = logits[look.counted][:, None]  # pooling does not ask how places lie: a map of one column
        value = score(ng_map(logits, self._kinds), self._card.pooling)
        verdict = look.thresholds.verdict(value)
        if verdict is Verdict.FAULT:
            return Judgement.fault("the score is not a number")
        kind = name_kind(logits, self._card.pooling, self._kinds, verdict)
        timings = {
            "preprocess": (prepared - began) * 1e3,
            "invoke": (invoked - prepared) * 1e3,
            "pool": (perf_counter() - invoked) * 1e3,
        }
        return Judgement(verdict, value, units, timings_ms=timings, kind=kind, region=look.region)


def is_blank(image: Pixels, pixels: Pixels, spec: PreprocessSpec) -> bool:
    """Whether every pixel that is inspected is the same; `image` is what `spec` makes of the frame's `pixels`.

    A blank frame leaves resize and normalisation blank. Only what evens out light can hide it, so only then the frame
    itself is looked at.
    """
    if _is_uniform(image):
        return True
    x, y, w, h = spec.region.pixels(*pixels.shape[:2])
    return (spec.flat_field is not None or spec.clahe is not None) and _is_uniform(pixels[y : y + h, x : x + w])


def _is_uniform(pixels: Pixels) -> bool:
    """A few pixels are looked at first, as they nearly always differ."""
    return bool((pixels[::16, ::16] == pixels[0, 0]).all() and (pixels == pixels[0, 0]).all())


def _check_agreement(bundle: Bundle, engine: Engine) -> None:
    card = bundle.card
    for role, said, found in (("input", card.input, engine.input), ("output", card.output, engine.output)):
        if said != found:
            raise BundleError(f"{bundle.path}: the card's {role} is {said}, the model's is {found}; convert it again")
    if card.input.dtype != "uint8" or card.input.zero_point != CENTRE or abs(card.input.scale - 1.0) > 1e-6:
        raise BundleError(f"{bundle.path}: the model's input is not plain uint8 (scale 1, zero point {CENTRE})")
    if card.input.shape != (1, *card.preprocess.shape):
        raise BundleError(f"{bundle.path}: the model's input {card.input.shape} is not what preprocessing makes")
    rank = len(card.output.shape)
    if card.output.dtype != "int8" or rank != 4 or card.output.shape[-1] != len(card.classes):
        raise BundleError(f"{bundle.path}: the model's output {card.output.shape} is no int8 map of {card.classes}")
