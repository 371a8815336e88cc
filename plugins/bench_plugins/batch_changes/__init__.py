"""What augmentations compute: functions of whole batches. They know of no declaration."""
