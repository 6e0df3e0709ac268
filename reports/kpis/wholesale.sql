-- Wholesale by hour and country.
select
    hour,
    country,
    cast(gross_sales as decimal(18, 4)) as gross_sales,
    cast(returns as decimal(18, 4)) as returns,
    cast(net_sales as decimal(18, 4)) as net_sales,
    orders,
    cancellations,
    units_sold,
    units_returned
from {{ table('gold.retail.sales_per_hour') }}
