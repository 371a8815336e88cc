"""Searches a small study on the built-in spoken digits, prints its tables, and classifies recordings with its winner."""

from pathlib import Path

import bench

study = bench.run(
    "spoken-digits",
    trials=3,
    models=["tc-resnet"],
    features=["mel"],
    epochs=4,
    settings={"feature.mel.sample_rate": 8000},
    finalists=1,
    final_seeds=2,
    data_dir="data",
    progress=True,
)
print(study.trials_dataframe()[["model", "status", "validation_accuracy", "train_seconds"]])
print(study.leaderboard().to_dataframe()[["rank", "model", "feature", "test_accuracy"]])

model = study.best.load_model()
recordings = sorted(Path("data/spoken-digits-v1").rglob("*.wav"))[:3]
print(model.predict(recordings)[["file", "label", "probability"]])
