"""The report of an evaluation: one page of HTML, and Markdown."""
