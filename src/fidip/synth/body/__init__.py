"""Bodies: shapes, skeleton, skinning, hands, growth, and files of SMPL-family bodies."""
