"""What the benchmarks start as processes of their own, so that each is measured whole."""
