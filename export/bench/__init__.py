"""`trainer export bench`: artefacts beside what is used without them, each checked, then timed."""
