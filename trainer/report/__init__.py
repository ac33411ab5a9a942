"""The report: one self-contained HTML page that a quality engineer can read, print and file."""

from trainer.report.report import render_report

__all__ = ["render_report"]
