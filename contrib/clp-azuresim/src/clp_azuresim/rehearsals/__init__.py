"""What the guide's clusters do when something fails, played in the lab and told as it happens."""
