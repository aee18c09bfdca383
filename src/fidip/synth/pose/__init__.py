"""Poses: joint angles, inverse kinematics, collisions, and movement."""
