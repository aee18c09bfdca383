"""Labels: 2D and 3D keypoints, visibility, masks and depth."""
