-- Run once, when the server's folder is made: MLflow's own database beside that of the studies.
CREATE DATABASE mlflow;
