"""What the tests here share."""

from read_back import every_report_is_read_back

__all__ = ["every_report_is_read_back"]
