"""Pictures that stay on the disk, however many they are."""
