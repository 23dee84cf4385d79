"""The result of a compile check: `CompileReport`."""

import dataclasses

STAGES = ("ops", "lower", "compile")
# For each target, the topology to compile for, and the memory of one core in bytes that is available to programs.
TARGETS = {"tpu-v5e": ("v5e:2x2", 16_911_433_728)}


@dataclasses.dataclass(frozen=True)
class CompileReport:
    """Whether a training step can be compiled, and what the compiler reports about it.

    Attributes:
        model: String. Name of the model's class.
        target: String. Target of the check, such as `"tpu-v5e"`.
        stage: String, `"ops"`, `"lower"`, or `"compile"`. The last stage requested.
        batch_size: Integer. Number of images per step on one core.
        precision: String. Keras dtype policy of the networks.
        operations: Dict. Number of operations of each type in the traced step.
        unsupported: List of `UnsupportedOperation`.
        refused: String. Why the TPU compiler refused the step, if it does not name an operation (for example, too
            little memory); `""` otherwise.
        num_instructions: Integer or `None`. Number of XLA instructions. `None` if the step was not lowered.
        argument_bytes: Integer or `None`. Size of the batch and of all variables that the step uses, without
            device-specific padding.
        compiled: Dict or `None`. What the TPU compiler reports: `flops`, sizes in bytes, its version. `None` if the
            compiler did not run, or refused the step.
        core_bytes: Integer. Memory of one core of the target.
        seconds: Dict. Duration of each stage.
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
        """List of sentences. Everything that prevents compilation."""
        return [str(operation) for operation in self.unsupported] + ([self.refused] if self.refused else [])

    @property
    def needed_bytes(self):
        """Memory needed on one core: arguments, results not written over arguments, temporaries, and the program."""
        if self.compiled is None:
            return None
        names = ("argument_bytes", "output_bytes", "temporary_bytes", "program_bytes")
        return sum(self.compiled[name] for name in names) - self.compiled["aliased_bytes"]

    def to_json(self):
        """Returns the report as a dict of JSON values."""
        return {**dataclasses.asdict(self), "passed": self.passed, "needed_bytes": self.needed_bytes}

    def __str__(self):
        kinds = sorted(self.operations.items(), key=lambda item: -item[1])
        lines = [
            f"{self.model}: a step of {self.batch_size:,} images on one core, {self.precision}, for {self.target}",
            f"  operations           {sum(self.operations.values()):,} of {len(kinds)} types; most frequent: "
            + ", ".join(f"{name} {count:,}" for name, count in kinds[:5]),
            f"  not supported        {len(self.unsupported) or 'none'}",
            *(f"    {operation}" for operation in self.unsupported),
        ]
        if self.num_instructions:
            lines.append(f"  XLA instructions     {self.num_instructions:,}; all shapes are static")
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
            return [f"Checked only up to --stage {self.stage}: the TPU compiler was not run."]
        return [
            "The graph of a step on one core, lowered as for a CPU, was passed to the TPU compiler. Nothing was run:",
            "the speed and the results on a TPU are unknown, and sums over several cores are not included.",
        ]


def _megabytes(size):
    return f"{size / 1e6:,.1f} MB"
