"""What a subject of any TransformerBridge shares: its checkpoint, its model, and the places where it is judged."""

from recint.bridged.checkpoint import Checkpoint, load, save
from recint.bridged.model import Bridged
from recint.bridged.places import Batch, Drawn, Single, Together

__all__ = ["Batch", "Bridged", "Checkpoint", "Drawn", "Single", "Together", "load", "save"]
