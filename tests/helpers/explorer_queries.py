"""Queries of the kind that the public explorer sends: the fields that each of its pages reads."""

from __future__ import annotations

_ASSETS = "app { address: id name } dataset { address: id name } workerpool { address: id description }"
_CATEGORY = "category { catid: id workClockTimeRef }"
_PEOPLE = "requester { address: id } beneficiary { address: id } callback { address: id }"
_DEAL = (
    f"dealid: id timestamp startTime {_ASSETS} {_PEOPLE} {_CATEGORY} appPrice datasetPrice workerpoolPrice "
    "trust botSize botFirst completedTasksCount claimedTasksCount bulk { id }"
)
_SENT = (
    "transfers(orderBy: timestamp, orderDirection: desc) { transaction { txHash: id timestamp blockNumber } }"
)
_TASK = (
    "taskid: id index timestamp status contributionDeadline finalDeadline "
    f"deal {{ {_PEOPLE} {_ASSETS} {_CATEGORY} }}"
)
_PAGE = "first: $length, skip: $skip, orderBy: timestamp, orderDirection: desc"
_SIZE = "$length: Int = 16, $skip: Int = 0"
_MORE = f"{_SIZE}, $next: Int = 16"
_EVENT = "id type: __typename"
_OF = "(where: { transaction: $id })"

LISTS = f"""
query Lists({_MORE}, $orderBy: App_orderBy = timestamp, $recentFrom: BigInt = 0) {{
  deals({_PAGE}) {{ {_DEAL} }}
  dealsHasNext: deals(first: 1, skip: $next, orderBy: timestamp, orderDirection: desc) {{ dealid: id }}
  tasks({_PAGE}) {{ {_TASK} }}
  apps(first: $length, skip: $skip, orderBy: $orderBy, orderDirection: desc,
    where: {{ lastUsageTimestamp_gte: $recentFrom }}) {{
    address: id owner {{ address: id }} timestamp name type multiaddr checksum mrenclave usageCount
    lastUsageTimestamp {_SENT}
  }}
  datasets({_PAGE}) {{ address: id owner {{ address: id }} timestamp name multiaddr checksum {_SENT} }}
  workerpools({_PAGE}) {{
    address: id owner {{ address: id }} timestamp description workerStakeRatio schedulerRewardRatio usageCount
    lastUsageTimestamp {_SENT}
  }}
}}
"""

DEAL = f"""
query Deal($id: ID!, {_MORE}) {{
  deal(id: $id) {{
    {_DEAL} params tag category {{ catid: id name workClockTimeRef description }}
    dealEvents: events(orderBy: timestamp, orderDirection: asc) {{
      timestamp id type: __typename transaction {{ txHash: id }}
    }}
    tasks(first: $length, skip: $skip, orderBy: index) {{ {_TASK} }}
    tasksHasNext: tasks(first: 1, skip: $next, orderBy: index) {{ taskid: id }}
    requestorder {{ deals({_PAGE}) {{ {_DEAL} }} }}
  }}
}}
"""

TASK = f"""
query Task($id: ID!) {{
  task(id: $id) {{
    {_TASK} revealDeadline consensus resultDigest results resultsCallback requester {{ address: id }}
    taskEvents: events(orderBy: timestamp, orderDirection: asc) {{
      id type: __typename timestamp transaction {{ txHash: id }}
      ... on TaskInitialize {{ workerpool {{ address: id }} }}
      ... on TaskContribute {{ worker {{ address: id }} hash }}
      ... on TaskConsensus {{ consensus }}
      ... on TaskReveal {{ worker {{ address: id }} digest }}
      ... on TaskFinalize {{ taskResults: results }}
    }}
    bulkSlice {{
      datasets(first: 10, orderBy: timestamp, orderDirection: desc, skip: 0) {{
        address: id owner {{ address: id }} timestamp name {_SENT}
      }}
    }}
  }}
}}
"""

ASSETS = f"""
query Assets($app: ID!, $dataset: ID!, $workerpool: ID!, {_SIZE}) {{
  app(id: $app) {{ address: id name {_SENT} deals: usages({_PAGE}) {{ {_DEAL} }} }}
  dataset(id: $dataset) {{
    address: id name multiaddr checksum owner {{ address: id }} {_SENT} deals: usages({_PAGE}) {{ {_DEAL} }}
  }}
  workerpool(id: $workerpool) {{
    address: id description owner {{ address: id }} {_SENT} deals: usages({_PAGE}) {{ {_DEAL} }}
  }}
  bulkSliceice(first: $length, skip: $skip, where: {{ datasets_: {{ id: $dataset }} }},
    orderBy: task__timestamp, orderDirection: desc) {{ task {{ deal {{ {_DEAL} }} }} }}
}}
"""

ADDRESS = f"""
query Address($id: ID!, {_SIZE}) {{
  account(id: $id) {{
    address: id staked: balance locked: frozen score
    allApps: apps(first: 1000) {{ id }}
    allDatasets: datasets(first: 1000) {{ id }}
    allWorkerpools: workerpools(first: 1000) {{ id }}
    allContributions: contributions(first: 1000) {{ id }}
    contributions({_PAGE}) {{ timestamp status task {{ taskid: id }} }}
    dealRequester({_PAGE}) {{ {_DEAL} }}
    dealBeneficiary({_PAGE}) {{ {_DEAL} }}
    taskRequester({_PAGE}) {{ {_TASK} }}
  }}
}}
"""

TRANSACTION = f"""
query Transaction($id: String!) {{
  transaction(id: $id) {{
    txHash: id from {{ address: id }} to {{ address: id }} gasLimit gasUsed gasPrice timestamp
    blockNumber value
  }}
  appTransfers{_OF} {{ {_EVENT} app {{ address: id }} from {{ address: id }} to {{ address: id }} }}
  datasetTransfers{_OF} {{ {_EVENT} dataset {{ address: id }} from {{ address: id }} to {{ address: id }} }}
  workerpoolTransfers{_OF} {{
    {_EVENT} workerpool {{ address: id }} from {{ address: id }} to {{ address: id }} }}
  rewards{_OF} {{ {_EVENT} account {{ address: id }} value task {{ taskid: id }} }}
  seizes{_OF} {{ {_EVENT} account {{ address: id }} value task {{ taskid: id }} }}
  locks{_OF} {{ {_EVENT} account {{ address: id }} value }}
  unlocks{_OF} {{ {_EVENT} account {{ address: id }} value }}
  accurateContributions{_OF} {{ {_EVENT} account {{ address: id }} }}
  faultyContributions{_OF} {{ {_EVENT} account {{ address: id }} }}
  policyUpdates{_OF} {{ {_EVENT} workerpool {{ address: id }} }}
  ordersMatcheds{_OF} {{ {_EVENT} deal {{ dealid: id }} }}
  schedulerNotices{_OF} {{ {_EVENT} deal {{ dealid: id }} workerpool {{ address: id }} }}
  taskInitializes{_OF} {{ {_EVENT} task {{ taskid: id }} }}
  taskContributes{_OF} {{ {_EVENT} task {{ taskid: id }} worker {{ address: id }} }}
  taskConsensuses{_OF} {{ {_EVENT} task {{ taskid: id }} }}
  taskReveals{_OF} {{ {_EVENT} task {{ taskid: id }} }}
  taskReopens{_OF} {{ {_EVENT} task {{ taskid: id }} }}
  taskFinalizes{_OF} {{ {_EVENT} task {{ taskid: id }} }}
  taskClaimeds{_OF} {{ {_EVENT} task {{ taskid: id }} }}
}}
"""

SEARCH = """
query Search($search: ID!) {
  app(id: $search) { address: id }
  dataset(id: $search) { address: id }
  workerpool(id: $search) { address: id }
  deal(id: $search) { dealid: id }
  task(id: $search) { taskid: id }
  account(id: $search) { address: id }
  transaction(id: $search) { txHash: id from { address: id } to { address: id } gasLimit gasUsed gasPrice }
}
"""
