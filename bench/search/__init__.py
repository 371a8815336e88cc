"""The study: asks for configurations, dispatches them, reports, prunes, tells, resumes. The only room with Optuna."""
