"""Speech synthesis: what makes the spoken digits. It is imported only to make them."""
