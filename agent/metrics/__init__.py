"""Metric collectors of the resident agent: each module reads one part of the kernel's figures and declares `COLLECTOR`."""
