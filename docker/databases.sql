-- This runs once, when the server's folder is created, and makes MLflow's database beside that of the studies.
CREATE DATABASE mlflow;
