"""Everything that touches the disk: the only reader of images, the only writer of files."""
