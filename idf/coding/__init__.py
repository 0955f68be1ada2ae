"""Entropy coding: from integers and their distributions to bytes, exactly and back."""
