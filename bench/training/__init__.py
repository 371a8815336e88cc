"""From waveforms and a network to a trained network: batches, augmentation, optimisers, the loop."""
