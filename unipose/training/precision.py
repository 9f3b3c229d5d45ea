"""Precision: the dtype in which a training's matrix products are computed."""

import torch

PRECISIONS = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of a row of `PRECISIONS`; auto is bf16 if the device has units for it, else fp32."""
    return PRECISIONS[precision] or (torch.bfloat16 if has_bf16(device) else torch.float32)


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bf16 itself, and does not emulate it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
