"""What figures share: style, words, sheets of many methods, and the seeds that are shown."""
