"""torch's CrossMapLRN2d: over an even window the gradient is not the derivative; none of second
order exists."""

import torch

for size, right in ((3, True), (2, False)):
    layer = torch.nn.CrossMapLRN2d(size, alpha=1.0)
    x = torch.tensor([[[[1.0]], [[2.0]], [[3.0]]]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64).view(1, 3, 1, 1)
    (slope,) = torch.autograd.grad((layer(x) * weights).sum(), x)
    step = 1e-6 * torch.eye(3, dtype=torch.float64).view(3, 3, 1, 1)
    with torch.no_grad():
        ups, downs = (
            torch.stack([(layer(x + s * e) * weights).sum() for e in step]) for s in (1, -1)
        )
    apart = float((slope.flatten() - (ups - downs) / 2e-6).abs().max())
    print(f"window {size}: gradient off by {apart:.2g}")
    assert (apart < 1e-8) is right
    try:
        torch.autograd.grad(layer(x).sum(), x, create_graph=True)
    except RuntimeError as error:
        print("second order:", error)
    else:
        raise AssertionError("it has a second derivative")
