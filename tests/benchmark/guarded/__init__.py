"""What `baseline.py` counts: figures that are the same on a quick machine and on a slow one."""
