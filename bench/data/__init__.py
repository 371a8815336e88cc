"""From files to waveforms: decoding, the waveform cache, splits, downloads, leakage checks."""
