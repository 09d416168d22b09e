"""Real kills: a runtime and its workers under load, ended by SIGKILL at random moments, and exact counts afterwards."""
