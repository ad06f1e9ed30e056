"""The archive on disk: where files go, how they get there whole, and what tells about them."""
