"""What an encode tells of itself."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tsplat.config import EncoderConfig
from tsplat.files.person import Finder
from tsplat.media.clip import Source
from tsplat.stream.container import TICKS

if TYPE_CHECKING:
    from tsplat.files.session import Session

_RATE_EXCESS, _RATE_LACK = 1.05, 0.8
"""Shares of the bit rate asked for above and below which that is said."""
_PSNR_LACK = 0.5
"""Decibels below the PSNR asked for from which on that is said."""


def report(
    about: dict, session: Session, pictures: Source, finder: Finder | None, seconds: float
) -> dict:
    """What :func:`tsplat.encode` returns.

    Parameters
    ----------
    about : dict
        Names and the backend, which come first.
    session : Session
        Finished.
    pictures : Source
        Read to its end.
    finder : Finder or None
    seconds : float
        That it took in all.
    """
    encoder, check, output, live = session.encoder, session.check, session.output, session.live
    done, config, clip = encoder.statistics, encoder.config, pictures.clip
    length = float(Fraction(session.ticks + session.last_ticks, TICKS) / clip.rate)
    inside = check.psnr_inside()
    kbps = (output.size - done.background_bytes) * 8 / length / 1000
    stages = done.seconds | session.seconds
    stages |= {"write": output.seconds, "verify": check.seconds, "total": seconds}
    name = about["input"]
    return {
        **about,
        "width": clip.width,
        "height": clip.height,
        "rate": str(clip.rate),
        "gaussians": done.gaussians,
        "splats": done.splats,
        "region_share": done.region_share / done.frames if finder else None,
        "person_frames": done.frames - len(finder.absent) if finder else None,
        "background": config.background,
        "background_bytes": done.background_bytes,
        "frames": done.frames,
        "i_frames": done.i_frames,
        "p_frames": done.p_frames,
        "b_frames": done.between,
        "changed_splats_per_p_frame": round(done.changed_splats / max(1, done.p_frames), 1),
        "duration_s": round(length, 6),
        "bytes": output.size,
        "bpp": output.size * 8 / (clip.width * clip.height * done.frames),
        "kbit_s": output.size * 8 / length / 1000,
        "psnr_db": check.psnr(),
        "psnr_region_db": inside,
        "encode_frames_per_s": done.frames / seconds,
        "seconds": {k: round(v, 4) for k, v in stages.items()},
        "notes": pictures.notes,
        "warnings": [
            *pictures.warnings,
            *(live.warnings if live else []),
            *(finder.warnings(name) if finder else []),
            *_missed(name, config, kbps, check.psnr() if inside is None else inside),
        ],
        **(live.report() if live else {}),
    }


def _missed(name: str, config: EncoderConfig, kbps: float, psnr: float) -> list[str]:
    """Warnings that what was asked for was not reached.

    kbps: of the file without a background of video, whose rate is a setting of its own. psnr:
    inside the region, where there is one, as that is what is held.
    """
    wanted = config.bitrate
    if wanted is not None and kbps > _RATE_EXCESS * wanted:
        return [f"{name}: {kbps:.1f} kbit/s, more than the {wanted:g} asked for"]
    if wanted is not None and kbps < _RATE_LACK * wanted:
        return [f"{name}: {kbps:.1f} kbit/s, less than the {wanted:g} asked for"]
    if config.psnr is not None and psnr < config.psnr - _PSNR_LACK:
        return [f"{name}: PSNR {psnr:.2f} dB, less than the {config.psnr:g} asked for"]
    return []
