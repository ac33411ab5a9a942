"""A double of the `lgpio` module: what gpiozero's LGPIOFactory calls, with the kernel's rules for GPIO lines.

Kept: only a claimed output can be written, an output claimed without a level is low, a freed or claimed input is not
driven but takes the level of its pull, only an input claimed for alerts calls back, a second owner is refused. Tests
reach it through `chip`, and drive inputs with `drive`.
"""

import time
from types import SimpleNamespace

SET_PULL_NONE, SET_PULL_UP, SET_PULL_DOWN = 128, 32, 64
RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3
_INPUT, _OUTPUT, _ALERT = 1 << 8, 1 << 9 | 1 << 1, 1 << 10


class error(Exception):
    pass


def _new_chip():
    return SimpleNamespace(present=True, open=False, busy=set(), stuck=False, modes={}, levels={}, log=[], callbacks={})


chip = _new_chip()


def reset():
    global chip
    chip = _new_chip()
    return chip


def gpiochip_open(number):
    if not chip.present:
        raise error("can not open gpiochip")
    chip.open = True
    return 0


def gpiochip_close(handle):
    chip.open = False
    chip.modes.clear()


def _claim(gpio, mode):
    if gpio in chip.busy:
        raise error("GPIO busy")
    chip.modes[gpio] = mode


def gpio_claim_input(handle, gpio, flags=0):
    _claim(gpio, _INPUT)
    chip.levels[gpio] = int(bool(flags & SET_PULL_UP))


def gpio_claim_alert(handle, gpio, edges, flags=0):
    _claim(gpio, _INPUT | _ALERT)


def gpio_set_debounce_micros(handle, gpio, micros):
    assert micros == 0, "okng debounces by itself"


def gpio_free(handle, gpio):
    chip.modes.pop(gpio, None)


def callback(handle, gpio, edges, func):
    chip.callbacks[gpio] = func
    return SimpleNamespace(cancel=lambda: chip.callbacks.pop(gpio, None))


def drive(gpio, level):
    """What the line does to an input."""
    assert chip.modes[gpio] & _INPUT
    changed, chip.levels[gpio] = chip.levels[gpio] != level, level
    if changed and chip.modes[gpio] & _ALERT and gpio in chip.callbacks:
        chip.callbacks[gpio](0, gpio, level, time.monotonic_ns())


def gpio_claim_output(handle, gpio, level=0, flags=0):
    _claim(gpio, _OUTPUT)
    _set(gpio, level)


def gpio_get_mode(handle, gpio):
    return chip.modes.get(gpio, 0)


def gpio_read(handle, gpio):
    return chip.levels.get(gpio, 0)


def gpio_write(handle, gpio, level):
    if chip.modes.get(gpio) != _OUTPUT:
        raise error("GPIO not allocated as an output")
    if chip.stuck:
        raise error("Input/output error")
    _set(gpio, int(level))


def _set(gpio, level):
    chip.levels[gpio] = level
    chip.log.append((gpio, level))
