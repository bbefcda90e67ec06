"""Whether an operation is run, by what it costs and by what its client has left; and what is told of that."""

from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from graphql import GraphQLError, OperationDefinitionNode

from schema.context import Context
from schema.cost.priced import Priced
from schema.cost.prices import REQUEST
from schema.errors import ApiError, Code

READING: Final = 100
"""What it costs to read a text that was not met before, or to make another price of it since @skip and @include leave other
fields in, beside one for each of its characters."""


def refused(
    priced: Priced, context: Context, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> GraphQLError | None:
    """Why an operation is not run; None where it is, and then it is paid for. The request itself was paid for before."""
    made, budget = priced.made, context.budget
    cost = context.cost = priced.cost(operation, variables)
    if made and priced.made > made:  # the first price is paid for with the reading of the text
        context.paid += READING + priced.length
        if budget is not None and (wait := budget.take(READING + priced.length)):
            return _error(throttled(wait, cost), operation)
    most = context.costs.max_cost
    if not most and budget is not None:
        most = int(budget.most)
    if most and cost > most:
        where = priced.dearest(operation, variables)
        words = f"this query may cost {cost:,}, {most:,} are allowed; most of it is {where}: ask for fewer there"
        error = ApiError(Code.TOO_COSTLY, words, cost=cost, maxCost=most, field=where)
    elif budget is not None and (wait := budget.take(cost - REQUEST)):
        error = throttled(wait, cost)
    else:
        context.paid += cost - REQUEST
        return None
    return _error(error, operation)


def _error(error: ApiError, operation: OperationDefinitionNode) -> GraphQLError:
    return GraphQLError(error.message, operation, original_error=error)


def pay(context: Context, cost: int) -> None:
    """Has a client pay for its request before that is looked at. Raises THROTTLED where it cannot."""
    if context.budget is not None and (wait := context.budget.take(cost)):
        raise throttled(wait, cost)
    context.paid = cost


def throttled(seconds: float, cost: int) -> ApiError:
    """Too much was asked of late."""
    wait = ceil(seconds)
    words = f"this client has asked for too much of late; it can pay {cost:,} in {wait:,} seconds"
    return ApiError(Code.THROTTLED, words, cost=cost, retryAfter=wait)


def told_of(cost: int, context: Context) -> dict[str, Any]:
    """`extensions.cost` of an answer: what it might have cost, what was paid, what the client has."""
    status, budget = None, context.budget
    if budget is not None:
        status = {
            "maximumAvailable": int(budget.most),
            "currentlyAvailable": int(budget.left()),
            "restoreRate": int(budget.rate),
        }
    return {"requestedQueryCost": cost, "actualQueryCost": context.paid, "throttleStatus": status}
