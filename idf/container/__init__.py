"""The compressed file: header, blocks, index, salvage. It knows codecs by their contract only, and no model."""
