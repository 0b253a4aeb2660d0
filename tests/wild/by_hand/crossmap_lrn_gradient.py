"""torch's CrossMapLRN2d: the gradient is not the derivative, and there is none of second order."""

import torch

for size in (2, 3):
    layer = torch.nn.CrossMapLRN2d(size, alpha=1.0)
    x = torch.tensor([[[[1.0]], [[2.0]], [[3.0]]]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64).view(1, 3, 1, 1)
    (slope,) = torch.autograd.grad((layer(x) * weights).sum(), x)
    steps = 1e-6 * torch.eye(3, dtype=torch.float64).view(3, 1, 3, 1, 1)
    with torch.no_grad():
        tried = torch.stack([((layer(x + s) - layer(x - s)) * weights).sum() / 2e-6 for s in steps])
    apart = float((slope.flatten() - tried).abs().max())
    print(f"window {size}: gradient off by {apart:.2g}")
    assert apart > 1e-3
    try:
        torch.autograd.grad(layer(x).sum(), x, create_graph=True)
    except RuntimeError as error:
        print("second order:", error)
    else:
        raise AssertionError("it has a second derivative")
