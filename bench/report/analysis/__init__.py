"""What is known of a study: problems, standings, tables. Nothing here writes words or draws."""
