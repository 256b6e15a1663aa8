"""`verify-audit`: is the chain of the audit trail whole?"""

import re
import sys
from typing import Annotated, Any

import typer

from ml_service.settings import load_settings


def verify_audit(
    head: Annotated[str | None, typer.Option(help="Sequence and hash of an entry you remember, as 12:ab34…")] = None,
) -> None:
    """Check the audit chain from its first entry to its remembered head."""
    from ml_service.adapters.store.audit_head import AuditHead
    from ml_service.cli.wiring import open_store
    from ml_service.domain.audit import flaws

    settings = load_settings()
    remembered = AuditHead(settings.data_dir).recall()
    if head is not None:
        sequence, _, digest = head.partition(":")
        if not sequence.isdigit() or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise typer.BadParameter("expected a sequence and a hash, such as 12:ab34…", param_hint="--head")
        remembered = int(sequence), digest
    with open_store(settings) as tools, tools.store.read() as reading:
        count = 0

        def counted() -> Any:
            nonlocal count
            for entry in reading.audit_entries(0, None):
                count += 1
                yield entry

        found = list(flaws(counted(), remembered))
    for flaw in found:
        print(f"entry {flaw.sequence}: {flaw.what}")
    against = f"up to the remembered head {remembered[0]}" if remembered else "no head is remembered here"
    print(f"{count} entries checked ({against}), {len(found)} flaws")
    sys.exit(1 if found else 0)
