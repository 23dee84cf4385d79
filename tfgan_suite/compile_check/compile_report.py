"""What a compile check found: `CompileReport`."""

import dataclasses

STAGES = ("ops", "lower", "compile")
# Names of targets: the topology that the compiler is asked for, and the bytes of one core that programs may take.
TARGETS = {"tpu-v5e": ("v5e:2x2", 16_911_433_728)}


@dataclasses.dataclass(frozen=True)
class CompileReport:
    """Whether a training step can be compiled, and what the compiler says about it.

    Attributes:
        model: What was checked.
        target: For what, such as `"tpu-v5e"`.
        stage: How far: `"ops"`, `"lower"` or `"compile"`.
        batch_size: Images of the step, on one core.
        precision: Keras dtype policy of the networks.
        operations: Number of operations of each type in the traced step, a dict.
        unsupported: List of `UnsupportedOperation`.
        refused: Why the TPU's compiler refused the step, where it names no operation, such as too little memory; or `""`.
        num_instructions: In XLA's own operations, or `None` if it was not lowered.
        argument_bytes: Of the batch and of all variables that the step uses, without the padding of any device.
        compiled: What the TPU's compiler says: `flops`, bytes, its version; `None` if it was not asked or refused.
        core_bytes: Memory of one core of the target.
        seconds: Of each stage, a dict.
    """

    model: str
    target: str
    stage: str
    batch_size: int
    precision: str
    operations: dict
    unsupported: list
    refused: str
    num_instructions: int | None
    argument_bytes: int | None
    compiled: dict | None
    core_bytes: int
    seconds: dict

    @property
    def passed(self):
        return not self.unsupported and not self.refused

    @property
    def obstacles(self):
        """What stands against it, a list of sentences."""
        return [str(operation) for operation in self.unsupported] + ([self.refused] if self.refused else [])

    @property
    def needed_bytes(self):
        """Memory of one core: arguments, results that are written over none of them, temporaries, the program."""
        if self.compiled is None:
            return None
        names = ("argument_bytes", "output_bytes", "temporary_bytes", "program_bytes")
        return sum(self.compiled[name] for name in names) - self.compiled["aliased_bytes"]

    def to_json(self):
        """A dict of plain values."""
        return {**dataclasses.asdict(self), "passed": self.passed, "needed_bytes": self.needed_bytes}

    def __str__(self):
        kinds = sorted(self.operations.items(), key=lambda item: -item[1])
        lines = [
            f"{self.model}: a step of {self.batch_size:,} images on one core, {self.precision}, for {self.target}",
            f"  operations           {sum(self.operations.values()):,} of {len(kinds)} types; most are "
            + ", ".join(f"{name} {count:,}" for name, count in kinds[:5]),
            f"  not supported        {len(self.unsupported) or 'none'}",
            *(f"    {operation}" for operation in self.unsupported),
        ]
        if self.num_instructions:
            lines.append(f"  XLA instructions     {self.num_instructions:,}; no shape depends on values")
            lines.append(f"  arguments            {_megabytes(self.argument_bytes)} (the batch, all variables)")
        if self.compiled:
            lines += self._compiled_lines()
        if self.refused:
            lines.append(f"  refused              {self.refused}")
        lines.append("  seconds              " + ", ".join(f"{name} {time:.0f}" for name, time in self.seconds.items()))
        return "\n".join([*lines, *self._what_it_means()])

    def _compiled_lines(self):
        compiled = self.compiled
        versions = ", ".join(f"{name} {version}" for name, version in compiled["versions"].items())
        return [
            f"  memory of one core   {_megabytes(self.needed_bytes)} of {_megabytes(self.core_bytes)}:",
            f"    arguments          {_megabytes(compiled['argument_bytes'])} in the TPU's layout",
            f"    results            {_megabytes(compiled['output_bytes'])}, of which "
            f"{_megabytes(compiled['aliased_bytes'])} are written over arguments",
            f"    temporaries        {_megabytes(compiled['temporary_bytes'])}",
            f"    program            {_megabytes(compiled['program_bytes'])}",
            f"  flops                {compiled['flops']:,.0f}; bytes accessed {compiled['accessed_bytes']:,.0f}",
            f"  compiler             {versions}; {compiled['compiler']}",
        ]

    def _what_it_means(self):
        if self.stage != "compile":
            return [f"Only as far as --stage {self.stage}: the TPU's compiler was not asked."]
        return [
            "The graph of one core's step, lowered as for a CPU, was given to the TPU's compiler. Nothing was run: neither",
            "speed nor results on a TPU are known, and sums over several cores are not part of it.",
        ]


def _megabytes(size):
    return f"{size / 1e6:,.1f} MB"
