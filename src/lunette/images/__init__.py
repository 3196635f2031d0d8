"""Where pictures come from: sources become one uint8 tensor (N, C, H, W) a split."""
