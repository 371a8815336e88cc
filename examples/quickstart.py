"""Searches a small study on the built-in spoken digits, prints its tables, and classifies recordings with its winner."""

import bench

study = bench.run(
    "spoken-digits",
    trials=2,
    models=["tc-resnet"],
    features=["mel"],
    epochs=2,
    settings={"feature.mel.sample_rate": 8000},
    finalists=1,
    final_seeds=1,
    progress=True,
)
print(study.trials_dataframe()[["model", "status", "validation_accuracy", "train_seconds"]])
print(study.leaderboard().to_dataframe()[["rank", "model", "feature", "test_accuracy"]])

model = study.best.load_model()
recordings = [study.data_folder / clip for clip in study.best.predictions("test").index[:3]]
print(model.predict(recordings)[["label", "probability"]])
