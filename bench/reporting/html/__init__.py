"""Pages as one HTML file each, to send to somebody: made from the records that the Markdown pages are made from."""
