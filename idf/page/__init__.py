"""Pages of HTML that stand alone, one file each: the machinery that all reports share."""
