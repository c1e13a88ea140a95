"""IPFS as arithmetic: content identifiers, and the blocks of files and folders. No I/O."""
