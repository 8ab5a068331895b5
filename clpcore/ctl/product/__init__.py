"""The product's commands by their names: its options and shapes over the operations of `clp`."""
