"""Which norms of torch_geometric read other nodes when no batch vector is given: as built."""

import torch
from torch_geometric.nn import norm

READS = {"GraphNorm": True, "LayerNorm": True, "PairNorm": True, "InstanceNorm": True}

x = torch.randn(6, 4, dtype=torch.float64)
other = torch.cat([x[:1], 5 * torch.randn(5, 4, dtype=torch.float64)])
for name, reads in READS.items():
    layer = getattr(norm, name)(*(() if name == "PairNorm" else (4,))).double()
    moved = not torch.equal(layer(x)[0], layer(other)[0])
    print(f"{name}: its first node reads others: {moved}")
    assert moved is reads
node = norm.LayerNorm(4, mode="node").double()
assert torch.allclose(node(x)[0], node(other)[0], rtol=1e-14)
size = norm.GraphSizeNorm()
assert torch.allclose(size(x)[0] * 6**0.5, size(x[:1])[0]), "it divides by their number"
