"""The codecs that results are compared with, ours among them, behind one interface."""
