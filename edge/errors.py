"""Every error okng raises on purpose.

OkngError                 exit status 1
├── UsageError            2   a command or its arguments cannot be carried out (also ValueError)
│   ├── ConfigError       2   a station file: names file, key, value and what is allowed
│   ├── DecidedMeanwhile  2   somebody else decided on the part since it was looked at
│   └── DataError         2   a folder of images cannot be used as data
├── BundleError           3   a bundle is damaged, inconsistent or not for this version
├── HardwareError         4   a device does not do what it should (also OSError)
│   ├── CameraError       4
│   │   └── CameraLost    5   the camera does not come back, however often it is opened anew
│   ├── SignalError       4
│   │   └── TooLate       4   a verdict came when its part was rejected already
│   ├── TriggerError      4
│   └── DelegateError     4   a delegate cannot be loaded, refuses the model, or fails
│       └── InvokeHangs   6   the model was begun and does not end
├── JournalError          4   the record cannot be kept, so nothing may be published
├── PeerAway              1   a bridge's peer takes nothing now; the bridge tries again (in edge.bridge)
└── WireError             2   an address cannot be used, or the other side does not answer
    └── CommandRefused    2   the station answered no (in edge.client, with its code)

A message is one line: what is wrong, where, and what to do. The command line prints it without a traceback.
"""

from __future__ import annotations


class OkngError(Exception):
    """Base of all; `exit_status` is what the command line ends with."""

    exit_status = 1


class UsageError(OkngError, ValueError):
    """A command or its arguments cannot be carried out."""

    exit_status = 2


class ConfigError(UsageError):
    """A station file is wrong; the message names file, key, value and what is allowed."""


class DecidedMeanwhile(UsageError):
    """Another decision stands than the one that was looked at."""


class DataError(UsageError):
    """Images, labels or a manifest cannot be used."""


class BundleError(OkngError):
    """A bundle is damaged, inconsistent or of another version; it is refused whole."""

    exit_status = 3


class HardwareError(OkngError, OSError):
    """A device is absent or does not do what it should."""

    exit_status = 4


class CameraError(HardwareError):
    """No frame, or not the frame that was asked for."""


class CameraLost(CameraError):
    """The camera was opened anew as often as the station file allows, and does not come back."""

    exit_status = 5


class SignalError(HardwareError):
    """The accept/reject signal cannot be driven."""


class TooLate(SignalError):
    """The verdict came after its deadline; the part is rejected, whatever the verdict."""


class TriggerError(HardwareError):
    """The line's triggers cannot be taken."""


class DelegateError(HardwareError):
    """What is to compute the model instead of the CPU cannot be loaded, refuses the model, or fails."""


class InvokeHangs(DelegateError):
    """A frame is being judged for longer than the station file allows."""

    exit_status = 6


class JournalError(OkngError):
    """The journal cannot be opened or written."""

    exit_status = 4


class WireError(OkngError):
    """An address cannot be bound, or a peer does not answer or answers nonsense."""

    exit_status = 2
