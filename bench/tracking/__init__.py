"""Logs every trial to MLflow. Only this room imports MLflow, and only the process of the scheduler calls it."""
