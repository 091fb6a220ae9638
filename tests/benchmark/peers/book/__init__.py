"""The allocation service of "Architecture Patterns with Python" (Percival, Gregory), chapters 1 to 13, on Kafka.

Written anew after the book: aggregate, repository, unit of work, message bus and handlers have its shape and its names.
What is different, and why:

- Kafka in place of Redis at both ends: an order comes as one message and becomes one `Allocate` command a line; what
  Redis would hear of `Allocated` and `OutOfStock` goes to the output topic.
- A line carries its number: the book's value object would take two equal lines of an order for one.
- Among batches with one date the smaller reference is preferred, as all sides have it.
- The columns that rows are looked up by have indexes; the book's tables have none.
- No read model and no mail: the other sides have neither.

As in the book, a command is a transaction, what is free of a batch is added up from the lines that it has, and an
event whose handler fails is logged and forgotten: at least once in, and events may be lost or doubled.
"""
