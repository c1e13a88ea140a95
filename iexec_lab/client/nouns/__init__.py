"""The nouns of the command line as objects: ``lab.app``, ``lab.deal`` ... and their verbs."""
