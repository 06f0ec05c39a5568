"""What crosses a wire or a disk, proved: decoding, events, documents, compatibility."""
